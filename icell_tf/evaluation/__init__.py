"""Measures trained models: one evaluator a question (evaluators.py), of which each returns scores."""
