"""A trained model applied to a user's cells: `inputs` reads them, `outputs` writes what the model says of them."""
