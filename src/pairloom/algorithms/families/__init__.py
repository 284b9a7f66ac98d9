"""What several algorithms share; an algorithm imports from here and never from another algorithm."""
