"""Agreement on a layer's proposals, by rounds of gradecast."""
