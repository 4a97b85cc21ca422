"""How do the nets leave this library? As ONNX files, and with what a page needs to let its readers play with them."""
