package protobuf

import (
	"embed"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The files that serializers take for known, so that no schema refers to them.
//
//go:embed builtin
var builtin embed.FS

// builtinText gives the text of a file that everybody may import.
func builtinText(path string) (string, bool) {
	text, err := builtin.ReadFile("builtin/" + path)
	return string(text), err == nil
}

// standardFile gives a file of google/protobuf, which are compiled in.
func standardFile(path string) (protoreflect.FileDescriptor, bool) {
	if !strings.HasPrefix(path, "google/protobuf/") {
		return nil, false
	}
	nothing := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, protoregistry.NotFound
	})
	found, err := protocompile.WithStandardImports(nothing).FindFileByPath(path)
	return found.Desc, err == nil && found.Desc != nil
}

// wellKnownFiles declare the types that every Any may hold, and whose names nothing else may have.
func wellKnownFiles() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		descriptorpb.File_google_protobuf_descriptor_proto,
		anypb.File_google_protobuf_any_proto,
		durationpb.File_google_protobuf_duration_proto,
		emptypb.File_google_protobuf_empty_proto,
		fieldmaskpb.File_google_protobuf_field_mask_proto,
		sourcecontextpb.File_google_protobuf_source_context_proto,
		structpb.File_google_protobuf_struct_proto,
		timestamppb.File_google_protobuf_timestamp_proto,
		wrapperspb.File_google_protobuf_wrappers_proto,
		typepb.File_google_protobuf_type_proto,
		apipb.File_google_protobuf_api_proto,
	}
}

// wellKnownFile gives the file that a schema is a copy of, or nil: serializers register it for a record that is nothing but
// a Timestamp or a StringValue. Two files cannot declare the same names.
func wellKnownFile(schema *descriptorpb.FileDescriptorProto) protoreflect.FileDescriptor {
	if schema.GetPackage() != "google.protobuf" {
		return nil
	}
	for _, file := range wellKnownFiles() {
		messages := file.Messages()
		same := len(schema.GetMessageType()) == messages.Len()
		for i := 0; same && i < messages.Len(); i++ {
			same = isCopy(schema.GetMessageType()[i], messages.Get(i))
		}
		if same {
			return file
		}
	}
	return nil
}

// isCopy compares what a text says without its imports: names and numbers.
func isCopy(message *descriptorpb.DescriptorProto, of protoreflect.MessageDescriptor) bool {
	if message.GetName() != string(of.Name()) || len(message.GetField()) != of.Fields().Len() {
		return false
	}
	for i, field := range message.GetField() {
		if known := of.Fields().Get(i); field.GetName() != string(known.Name()) || field.GetNumber() != int32(known.Number()) {
			return false
		}
	}
	return true
}
