.PHONY: check-large
check-large: $(KILN) ## build a large C++ source under every wall, twice, and compare (minutes, network)
	$(Q)KILN_BUILD=$(abspath $(BUILD)) tests/system/large.sh
