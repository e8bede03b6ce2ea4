# gdb's view of Helctic. `make debug` says how to attach with it.
#   helctic-ps            all processes and their threads
#   helctic-current [N]   the thread that processor N runs (0), its process, and its user frame
#   helctic-grants [N]    the address space of that process
import gdb


def evaluate(text):
    return gdb.parse_and_eval(text)


def each(head, kind, member):
    """The structures of `kind` that are linked in the list `head` by `member`."""
    offset = int(evaluate(f"(unsigned long)&((struct {kind} *)0)->{member}"))
    pointer = gdb.lookup_type(f"struct {kind}").pointer()
    at = head["next"]
    while int(at) != int(head.address):
        yield gdb.Value(int(at) - offset).cast(pointer)
        at = at["next"]


def cpu_of(argument):
    return evaluate(f"&cpus[{int(argument) if argument.strip() else 0}]")


def context_text(context):
    process = context["process"]
    pid = int(process["pid"]) if int(process) else 0
    state = context["state"].format_string(symbols=False)
    return f"{context['name'].string()} (thread {int(context['tid'])} of process {pid}, {state}, processor {int(context['cpu'])})"


class Processes(gdb.Command):
    def __init__(self):
        super().__init__("helctic-ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for process in each(evaluate("processes"), "process", "all_link"):
            print(f"process {int(process['pid'])}: {process['state']}, personality {int(process['personality']) & 0xff}")
            for context in each(process["threads"], "context", "process_link"):
                print("  " + context_text(context))


class Current(gdb.Command):
    def __init__(self):
        super().__init__("helctic-current", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        cpu = cpu_of(argument)
        context = cpu["context"]
        print(context_text(context))
        if not int(context["process"]):
            return
        frame_type = gdb.lookup_type("struct user_frame")
        frame = gdb.Value(int(cpu["kernel_stack_top"]) - frame_type.sizeof).cast(frame_type.pointer())
        print(f"user frame: call {int(frame['number'])}({int(frame['rdi']):#x}, {int(frame['rsi']):#x}, {int(frame['rdx']):#x}, "
              f"{int(frame['r10']):#x}, {int(frame['r8']):#x}, {int(frame['r9']):#x}), cause {int(frame['cause']):#x}")
        print(frame.dereference().format_string(format="x"))


class Grants(gdb.Command):
    def __init__(self):
        super().__init__("helctic-grants", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        context = cpu_of(argument)["context"]
        if not int(context["process"]):
            print("a kernel thread has no address space")
            return
        self.show(context["process"]["address_space"]["grants"]["root"])

    def show(self, node):
        if not int(node):
            return
        self.show(node["left"])
        grant = node.cast(gdb.lookup_type("struct grant").pointer())
        rights = int(grant["protection"])
        text = "".join(letter if rights & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4)))
        what = f"object {int(grant['object']):#x} + {int(grant['offset']):#x}" if int(grant["object"]) else "anonymous"
        print(f"{int(grant['start']):#014x}-{int(grant['end']):#014x} {text} {what}")
        self.show(node["right"])


Processes()
Current()
Grants()
