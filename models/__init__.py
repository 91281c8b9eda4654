"""What is learnt: representations, definitions, training, evaluation, shipped weights."""
