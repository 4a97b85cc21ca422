"""How good are samples?"""
