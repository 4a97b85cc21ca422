"""What is inside the nets? Guided backpropagation (paper §6.2), forgetting (§6.3.1), arithmetic (§6.3.2)."""
