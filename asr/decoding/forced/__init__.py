"""The text of a recording laid along its posteriors: what is said when, what is not said, and what else is said."""
