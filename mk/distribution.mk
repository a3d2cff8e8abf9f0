.PHONY: check-distribution
check-distribution: $(KILN) ## start the images and install the packages of the ground final, once it is built (root)
	$(Q)mk/deps.sh distribution
	$(Q)tests/distribution/run.sh $(BUILD)
