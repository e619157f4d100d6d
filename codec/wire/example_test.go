package wire_test

import (
	"fmt"

	"github.com/troupe-go/troupe/codec/wire"
)

func ExampleRead() {
	// Schema 7 and its second message, in front of a Protobuf message.
	value := []byte{0, 0, 0, 0, 7, 2, 2, 'b', 'o', 'd', 'y'}
	frame, err := wire.Read(wire.Value, nil, value, true)
	fmt.Println(frame.Schema(), frame.Path, string(frame.Body), err)

	_, err = wire.Read(wire.Value, nil, []byte(`{"order_id": "o-1"}`), false)
	fmt.Println(err)
	// Output:
	// id 7 [1] body <nil>
	// value: byte 0: not written with a schema registry's serializer: the first byte is 0x7b, want 00 (an id follows) or 01 (a GUID)
}
