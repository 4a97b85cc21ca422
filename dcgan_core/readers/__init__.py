"""What does a picture show? Small nets that read factors, attributes or windows off images."""
