"""A model file fitted to a few recordings, part by part, each kept only if recordings held out say that it helps."""
