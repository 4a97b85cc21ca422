"""What else can the nets be used for, and what would make their features better? (Chapter 9: after the paper.)"""
