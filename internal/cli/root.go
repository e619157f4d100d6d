package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe"
)

// app is the world outside as the commands see it. A command takes its context from cobra (cmd.Context()); one that runs
// until it is interrupted gets a context that ends then from app.interruptible.
type app struct {
	env            func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr io.Writer
	middleware     []troupe.Middleware // around the handlers of run

	// entered: the flags and arguments were in order, and a command began.
	entered bool
}

// Main runs the command that args name, without the program's own name, and returns the exit code. Middleware is put around
// what the run command handles.
func Main(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer,
	middleware ...troupe.Middleware,
) int {
	a := &app{env: env, stdin: stdin, stdout: stdout, stderr: stderr, middleware: middleware}
	root := newRootCommand(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.entered {
		err = misuse(fmt.Errorf("%w\nSee '%s --help'", err, cmd.CommandPath()))
	}
	a.report(err)
	return exitCode(err)
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "troupe",
		Short: "Process Kafka records as a YAML file says",
		Long: "troupe reads records from Kafka topics, transforms them with jq, writes the results, and commits an offset only\n" +
			"when every record below it is done.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 misused or wrong configuration.",
		Version:       troupe.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.AddCommand(
		newRunCommand(a),
		newLintCommand(a),
		newInitCommand(a),
		newSchemaCommand(a),
		newDemoCommand(a),
		newBrokerCommand(a),
		newProduceCommand(a),
		newLagCommand(a),
		newVersionCommand(a),
	)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.InitDefaultCompletionCmd() // which keeps the writers it finds
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && !cmd.Runnable() { // cobra would take any word and print the help
			cmd.Args, cmd.RunE = subcommandOnly, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		a.watch(cmd)
	}
	return root
}

// watch notes when a command begins: what goes wrong before that is misuse.
func (a *app) watch(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.entered = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		a.watch(sub)
	}
}

// subcommandOnly refuses words that are no command, and names those that are near.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("%s", text)
}

// interruptible gives a context that ends with SIGINT or SIGTERM. After stop, such a signal ends the process.
func (a *app) interruptible(ctx context.Context) (interrupted context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	choices []string
	changed bool
}

// outputFlag adds --output with the choices; the first is the default.
func outputFlag(cmd *cobra.Command, choices ...string) *choice {
	return choiceFlag(cmd, "output", "how to print: "+strings.Join(choices, " or "), choices...)
}

// choiceFlag adds a flag with the choices; the first is the default.
func choiceFlag(cmd *cobra.Command, name, usage string, choices ...string) *choice {
	c := &choice{value: choices[0], choices: choices}
	cmd.Flags().Var(c, name, usage)
	return c
}

// String is the word chosen.
func (c *choice) String() string { return c.value }

// Type is what the help calls it.
func (c *choice) Type() string { return "format" }

// Set chooses a word.
func (c *choice) Set(value string) error {
	for _, allowed := range c.choices {
		if value == allowed {
			c.value, c.changed = value, true
			return nil
		}
	}
	return fmt.Errorf("must be %s", strings.Join(c.choices, " or "))
}
