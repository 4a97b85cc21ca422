"""What is inside the nets? What D looks at (paper §6.2), forgetting (§6.3.1), arithmetic (§6.3.2)."""
