"""The exercises' checkers, one file a chapter: `chNN_name.py` registers them with `course_utils.exercises.register`."""
