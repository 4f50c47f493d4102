"""Recordings as folders of labelled pictures: what is cut, how it is drawn, labelled, divided and described."""
