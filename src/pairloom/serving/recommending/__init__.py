"""A recommender behind HTTP: lists for users, sessions and items, and events that it takes in while it answers.

`requests` says what can be asked, `answering` answers it, `journal` keeps events before they are acknowledged and
`updates` brings them into the model.
"""
