"""The paper's guidelines removed one by one: variants, running, measuring."""
