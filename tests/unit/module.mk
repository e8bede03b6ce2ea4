# What several hosted tests share: the mock of the kernel ops.
$(HOST)/mock_ops.c: personality/include/kernel_ops.def tools/mock_ops.py
	@mkdir -p $(@D)
	python3 tools/mock_ops.py $< $@
