"""A transformer in another runtime than torch: ONNX Runtime or OpenVINO."""
