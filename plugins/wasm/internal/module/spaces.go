package module

// indexSpaces are the lists of a module whose items others name by their index, imported ones first. What an item is
// is read again where it stands, in the few cases in which somebody asks.
type indexSpaces struct {
	types      []uint32          // where each is
	arities    []arity           // of each type
	signatures map[uint32]string // of types, as far as they were asked for
	functions  []uint32          // the type of each
	imported   int               // functions
	tables     []uint32          // where the type of each is
	globals    []uint32          // where the type of each is
	tags       []uint32          // the type of each
}

// An arity is how many parameters and results a type has.
type arity struct{ params, results uint16 }

func (a arity) sum() uint64 { return uint64(a.params) + uint64(a.results) }

// arityOf returns what a type takes and gives, nothing if there is no such type.
func (s *indexSpaces) arityOf(index uint32) arity {
	if int64(index) >= int64(len(s.arities)) {
		return arity{}
	}
	return s.arities[index]
}

// arityOfFunction returns what a function takes and gives, nothing if there is no such function.
func (s *indexSpaces) arityOfFunction(index uint32) arity {
	if int64(index) >= int64(len(s.functions)) {
		return arity{}
	}
	return s.arityOf(s.functions[index])
}
