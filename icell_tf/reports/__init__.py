"""What an evaluation found, as a page, tables, model card and in TensorBoard."""
