module twinconsent.io/tools/pods

go 1.26.0
