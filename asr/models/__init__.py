"""Networks: recurrent layers, encoders and the acoustic model."""
