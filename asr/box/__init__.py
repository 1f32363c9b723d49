"""The model in the box: what comes with the package and transcribes where no other model is named."""
