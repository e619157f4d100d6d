package avro

// action is what a plan does with the writer's next value.
type action uint8

const (
	actRead   action = iota // a value without parts, read as the reader's type
	actRecord               // fields, some of them dropped, some filled in
	actItems                // an array or a map
	actSymbol               // an enum, by the reader's symbols
	actUnion                // the writer's union: the next number says which plan goes on
	actInto                 // the reader has a union where the writer has one of its branches
	actFail                 // types that do not go together, in a branch that may never come
)

// plan says how to turn a writer's value into a reader's: the two schemas resolved against each other. With one schema
// for both it says how to read it. A recursive type is a cycle of plans. Plans do not change once resolve has returned.
type plan struct {
	action action
	writer *node
	reader *node

	fields   []planField // of a record, in the writer's order
	fills    []int       // the reader's fields that come from their defaults
	inOrder  bool        // whether the writer's fields come in the reader's order, with none to fill in between
	items    *plan
	symbols  []int // the reader's symbol for each of the writer's, or -1
	branches []*plan
	branch   int // the reader's
	err      error
}

type planField struct {
	target int // the reader's field, or -1 for one that the reader does not have
	plan   *plan
}
