"""What do D's features know? (Paper §5)"""
