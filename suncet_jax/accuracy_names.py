"""What people call the accuracies of a result, wherever they are shown."""

ACCURACY_NAMES = {
  "knn_top1": "kNN",
  "soft_nn_top1": "soft nearest neighbours",
  "linear_top1": "linear probe",
  "finetune_top1": "fine-tuned",
  "finetune_top5": "fine-tuned, top 5",
}
