"""jupyter_kernel_test against the installed kernel `candlewick`: all its tests, none skipped.

CANDLEWICK_COLD=1 lets the tests' own first cell be the kernel's first one.

KERNEL_UNDER_TEST names another kernel, to see what it does with the same tests; it shows its displays in evcxr's own way,
since it has no prelude.
"""

import os

import jupyter_kernel_test
from jupyter_client.manager import start_new_kernel


KERNEL = os.environ.get("KERNEL_UNDER_TEST", "candlewick")


def show(mime, form, text):
    """Code that shows this text."""
    if KERNEL == "candlewick":
        return f'display(&show::Bundle::new().{form}("{text}"));'
    return f'println!("EVCXR_BEGIN_CONTENT {mime}\\n{text}\\nEVCXR_END_CONTENT");'


class CandlewickTests(jupyter_kernel_test.KernelTests):
    kernel_name = KERNEL
    language_name = "rust"
    file_extension = ".rs"

    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("alas");'
    code_page_something = "?String"
    code_generate_error = "undefined_name"
    code_inspect_sample = "String"
    code_clear_output = "show::clear(false);"

    completion_samples = [
        {"text": "let candle_and_wick = 1; candle_and_", "matches": {"candle_and_wick"}},
        {"text": 'String::from("a").trim_st'},
        {"text": ""},
    ]
    complete_code_samples = ["1 + 1", "let x = 1;", "fn f() {\n    1\n}", 'println!("a");', ":vars", ""]
    incomplete_code_samples = ["fn f() {", "let v = vec![1,", 'let s = "a', "if true {", "/* a"]
    invalid_code_samples = ["fn f() }", "let x = 1)"]

    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"text".len()', "result": "4"},
        {"code": "vec![1, 2, 3]", "result": "[1, 2, 3]"},
    ]
    code_history_pattern = "6 [*] 7"
    supported_history_operations = ("tail", "range", "search")
    code_display_data = [
        {"code": show("text/html", "html", "<b>bold</b>"), "mime": "text/html"},
        {"code": show("text/plain", "text", "plain"), "mime": "text/plain"},
    ]

    @classmethod
    def setUpClass(cls):
        # The tests allow 15 s a cell, which is for cells, not for the first start on a busy machine.
        cls.km, cls.kc = start_new_kernel(kernel_name=cls.kernel_name, startup_timeout=60)
        if not os.environ.get("CANDLEWICK_COLD"):
            cls.kc.execute_interactive("1", timeout=120)


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = KERNEL
    support_iopub_welcome = True
