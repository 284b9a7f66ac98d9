"""The factorization machine itself: settings, training, the model, its terms and its file."""
