"""What is done with trained models: retraining on new rows, ensembles."""
