package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// schemaFlags say by which schema lines are encoded.
type schemaFlags struct {
	registry   *registryFlags
	file       string
	id         int32
	subject    string
	naming     *choice
	message    string
	register   bool
	references []string
	wire       *choice
}

func addSchemaFlags(cmd *cobra.Command) *schemaFlags {
	f := &schemaFlags{registry: addRegistryFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "schema", "", "file with the schema; without it and --schema-id, the latest schema of the subject")
	flags.Int32Var(&f.id, "schema-id", 0, "id of the schema in the registry")
	flags.BoolVar(&f.register, "register", false, "add the schema of --schema to the registry where it is missing")
	flags.StringVar(&f.subject, "subject", "", "subject of the schema in the registry; by default --subject-naming says it")
	f.naming = choiceFlag(cmd, "subject-naming", "how the subject is called: topic (orders-value), record (shop.Order) or topic-record (orders-shop.Order)",
		"topic", "record", "topic-record")
	flags.StringArrayVar(&f.references, "reference", nil, "a schema that --schema refers to, as name=subject:version; may be repeated")
	flags.StringVar(&f.message, "message", "", "full name of the Protobuf message that a line is; by default the schema's first")
	f.wire = choiceFlag(cmd, "wire", "where a record tells its schema: prefix (an id in front of the value) or header (a GUID)",
		"prefix", "header")
	return f
}

func (f *schemaFlags) given() bool {
	return f.file != "" || f.id != 0 || f.register || f.subject != "" || f.naming.changed || len(f.references) > 0 ||
		f.message != "" || f.wire.changed || f.registry.given()
}

// check tells which flags do not go together.
func (f *schemaFlags) check(format string) error {
	switch {
	case !needsSchema(format) && f.given():
		return fmt.Errorf("--registry, --schema and what goes with them are for the formats %s; --format is %s",
			strings.Join(schemaFormats(), ", "), format)
	case f.file == standardInput:
		return errors.New("--schema must name a file")
	case f.file != "" && f.id != 0:
		return errors.New("--schema and --schema-id exclude one another")
	case f.id < 0:
		return fmt.Errorf("--schema-id must be positive, and is %d", f.id)
	case f.id != 0 && (f.subject != "" || f.naming.changed):
		return errors.New("--schema-id needs neither --subject nor --subject-naming")
	case f.subject != "" && f.naming.changed:
		return errors.New("--subject and --subject-naming exclude one another")
	case f.register && f.file == "":
		return errors.New("--register needs the schema's file: --schema")
	case len(f.references) > 0 && f.file == "":
		return errors.New("--reference goes with --schema: a schema from the registry brings its own")
	case f.naming.value != "topic" && f.file == "":
		return fmt.Errorf("--subject-naming %s is called after the schema: name its file with --schema, or the subject with --subject", f.naming.value)
	case f.naming.value != "topic" && len(f.references) > 0:
		return fmt.Errorf("--subject-naming %s does not go with --reference: name the subject with --subject", f.naming.value)
	case f.message != "" && format != formatProtobuf:
		return fmt.Errorf("--message is for format protobuf; --format is %s", format)
	default:
		return nil
	}
}

// schemaWriter encodes the values of one topic.
type schemaWriter struct {
	*codec.Writer
	resolver *registry.Resolver
	urls     string
	file     string
	register bool
}

// newSchemaWriter asks nobody yet.
func (a *app) newSchemaWriter(format string, f *schemaFlags, timeout time.Duration) (*schemaWriter, error) {
	writing, err := a.writing(format, f)
	if err != nil {
		return nil, err
	}
	resolver, err := f.registry.open(a, timeout)
	if err != nil {
		return nil, err
	}
	w := &schemaWriter{resolver: resolver, urls: strings.Join(f.registry.urls, ", "), file: f.file, register: f.register}
	if w.Writer, err = newWriter(codec.NewSchemas(resolver), format, writing); err != nil {
		resolver.Close()
		return nil, misuse(err)
	}
	return w, nil
}

// Close ends what is asked of the registry.
func (w *schemaWriter) Close() { w.resolver.Close() }

// writing reads the schema's file. What is wrong with it is told before anybody is asked, as far as that can be known.
func (a *app) writing(format string, f *schemaFlags) (codec.Writing, error) {
	naming, err := registry.ParseNaming(f.naming.value)
	if err != nil {
		return codec.Writing{}, misuse(err)
	}
	form, err := wire.ParseForm(f.wire.value)
	if err != nil {
		return codec.Writing{}, misuse(err)
	}
	w := codec.Writing{
		ID: f.id, Register: f.register, Subject: f.subject, Naming: naming, Message: f.message, Form: form,
	}
	if f.file == "" {
		return w, nil
	}
	text, err := a.read(f.file)
	if err != nil {
		return w, err
	}
	references, err := parseReferences(f.references)
	if err != nil {
		return w, misuse(err)
	}
	if len(references) == 0 { // with them it takes the registry to tell
		if err := checkSchema(format, string(text), f.message); err != nil {
			return w, misuse(fmt.Errorf("--schema %s: %w", f.file, err))
		}
	}
	w.Draft = &registry.Schema{Text: string(text), References: references}
	return w, nil
}

// parseReferences reads name=subject:version. The name of a JSON Schema is a URI, and a subject may have colons.
func parseReferences(list []string) ([]registry.Reference, error) {
	references := make([]registry.Reference, 0, len(list))
	for _, item := range list {
		equals, colon := strings.LastIndex(item, "="), strings.LastIndex(item, ":")
		if equals < 1 || colon < equals+2 {
			return nil, fmt.Errorf("--reference %q must be name=subject:version", item)
		}
		version, err := strconv.Atoi(item[colon+1:])
		if err != nil || version < 1 || version > math.MaxInt32 {
			return nil, fmt.Errorf("--reference %q must end with a version, a positive number", item)
		}
		references = append(references, registry.Reference{Name: item[:equals], Subject: item[equals+1 : colon], Version: version})
	}
	return references, nil
}

// prepare finds out before the first line whether there is a schema, and registers it if asked to.
func (w *schemaWriter) prepare(ctx context.Context, topic string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer from %s within %s", w.urls, timeout))
	defer cancel()
	err := w.Prepare(ctx, codec.Target{Topic: topic})
	var (
		unknown  *registry.UnknownSchemaError
		rejected *registry.RejectedError
	)
	switch {
	case err == nil:
		return nil
	case codec.Unavailable(err) && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case codec.Unavailable(err):
		return err
	case errors.As(err, &unknown) && w.file != "" && !w.register:
		return fmt.Errorf("--schema %s: %w; --register adds it", w.file, unknown)
	case errors.As(err, &unknown) && w.file == "":
		return fmt.Errorf("%w; --schema names another one by its file, and --register adds it", unknown)
	case errors.As(err, &rejected) && rejected.Incompatible:
		return fmt.Errorf("--schema %s: %w", w.file, rejected)
	case errors.As(err, &rejected):
		return misuse(fmt.Errorf("--schema %s: %w", w.file, rejected))
	default:
		return err
	}
}
