"""How sets lie in files: tables, folders of classes, boxes and masks, series of DICOM; what formats read them with."""
