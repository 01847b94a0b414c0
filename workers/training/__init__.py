"""How a job is carried out: model, compiled programs, epochs, scores."""
