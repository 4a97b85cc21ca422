"""Small nets that read factors, attributes or windows off images."""
