"""Recordings as files of other formats: WFDB, EDF, DICOM, HL7 aECG and CSV."""
