package module

// Limits of what is read, which are those of browsers where they have one: toolchains stay below them.
const (
	maxBytes     = 1 << 30
	maxTypes     = 1_000_000
	maxFunctions = 1_000_000
	maxImports   = 1_000_000
	maxExports   = 1_000_000
	maxGlobals   = 1_000_000
	maxTags      = 1_000_000
	maxTables    = 100_000
	maxMemories  = 100
	maxElements  = 10_000_000
	maxSegments  = 10_000_000 // of elements as of data, which browsers allow 100,000 of
	maxParams    = 1_000      // of a function, and as many results
	maxLocals    = 50_000     // of a function
	maxNames     = 10_000_000 // of functions, or of the variables of one
	maxCustoms   = 1_000      // which browsers do not count
)

// most32 is how many pages a memory with addresses of 32 bits can have.
const most32 = 1 << 16
