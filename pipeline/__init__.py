"""From bytes to findings: no Streamlit here, TensorFlow only through `models`."""

__version__ = "0.1.0"
