"""The study: many trainings, their results, and the page that shows them."""
