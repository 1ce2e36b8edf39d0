"""Pictures of every view of the page in every state: `python -m tests.shots FOLDER`."""
