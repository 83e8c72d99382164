"""The dataset card: `README.md` in the dataset folder, with the front matter that the Hugging Face Hub reads."""
