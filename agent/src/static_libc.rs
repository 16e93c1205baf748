//! What a static program needs not of glibc. Much of that library is linked into every program, through references from
//! places that this one never comes to: translations of messages, character sets, locales, `dlopen`, the resolver, the
//! formatting of its own complaints, unwinding. They are a fifth of what the agent would weigh.
//!
//! Each name here stands for such a way in, so that the linker takes nothing from the library for it. They are weak: with
//! another version of glibc, whose parts hang together otherwise, the library's own win, and the program is only larger.
//! Nothing that the agent does may come to rely on what is cut off: it has no locale but C, looks names and users up by
//! itself (`host::live`), and knows the time zone without the C library.

#![cfg(all(target_env = "gnu", target_feature = "crt-static"))]

use std::arch::global_asm;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Write;

/// Lets `$function` answer to `$name` where nothing else does.
macro_rules! instead_of {
    ($($name:literal => $function:path;)*) => { $(
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".weak ", $name),
            concat!(".type ", $name, ",@function"),
            concat!($name, ":"),
            #[cfg(target_arch = "x86_64")]
            "jmp {function}",
            #[cfg(not(target_arch = "x86_64"))]
            "b {function}",
            ".popsection",
            function = sym $function,
        );
    )* };
}

instead_of! {
    // What is printed where glibc finds itself broken.
    "__assert_fail" => assert_fail;
    // Messages in the user's language.
    "__dcgettext" => untranslated;
    // Other character sets.
    "__gconv_find_transform" => never;
    "__gconv_close_transform" => never;
    "__gconv_release_step" => never;
    "__gconv_btwoc_ascii" => never;
    "__gconv_transform_ascii_internal" => never;
    "__gconv_transform_internal_ascii" => never;
    // Text of unknown errors (Rust adds the number), and names of other threads.
    "__vfprintf_internal" => nothing;
    // Reads `/proc/self/maps` for the limits of the main thread's stack; Rust does without them.
    "__vfscanf_internal" => nothing;
    // A static program has no symbols to find, loads no libraries, and counts no calls.
    "dlsym" => nothing;
    "_dl_init_paths" => nothing;
    "_dl_mcount_wrapper_check" => nothing;
    // Unwinding: a panic ends the program (`serve::panics`), and the tables are not linked (`agent.ld`).
    "_Unwind_ForcedUnwind" => never;
    "_Unwind_GetCFA" => never;
    "_Unwind_GetDataRelBase" => never;
    "_Unwind_GetIP" => never;
    "_Unwind_GetIPInfo" => never;
    "_Unwind_GetLanguageSpecificData" => never;
    "_Unwind_GetRegionStart" => never;
    "_Unwind_GetTextRelBase" => never;
    "_Unwind_Resume" => never;
    "_Unwind_SetGR" => never;
    "_Unwind_SetIP" => never;
    "__gcc_personality_v0" => never;
}

// The locks of what is not there, and the resolver's state of a thread.
global_asm!(
    ".pushsection .bss.static_libc,\"aw\",@nobits",
    ".balign 16",
    ".weak __gconv_lock",
    ".type __gconv_lock,@object",
    "__gconv_lock: .zero 64",
    ".weak __libc_setlocale_lock",
    ".type __libc_setlocale_lock,@object",
    "__libc_setlocale_lock: .zero 64",
    ".popsection",
    // How stacks are to be protected should a library want them executable.
    ".pushsection .data.static_libc,\"aw\",@progbits",
    ".balign 4",
    ".weak __stack_prot",
    ".type __stack_prot,@object",
    "__stack_prot: .long 3",
    ".popsection",
    ".pushsection .tbss.static_libc,\"awT\",@nobits",
    ".balign 8",
    ".weak __libc_resp",
    ".type __libc_resp,@object",
    "__libc_resp: .zero 8",
    ".popsection",
);

/// Finds no frames. In Rust, and not weak, so that the compiler sees that nobody is called back: what the standard library
/// has to read a program's debugging information, for a panic that no hook takes, is left out.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_each: *const c_void, _with: *mut c_void) -> c_int {
    END_OF_STACK
}

/// What it returns at the outermost frame (`_URC_END_OF_STACK`).
const END_OF_STACK: c_int = 5;

/// Says what does not hold, as glibc does, and ends the program.
unsafe extern "C" fn assert_fail(what: *const c_char, file: *const c_char, line: c_uint, _: *const c_char) -> ! {
    // SAFETY: glibc gives constant strings of its own.
    let text = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "refit-agent: in the C library: {}:{line}: {}", text(file), text(what));
    std::process::abort()
}

extern "C" fn untranslated(_domain: *const c_char, message: *const c_char, _category: c_int) -> *const c_char {
    message
}

/// Null, or 0, or no match.
extern "C" fn nothing() -> *const c_void {
    std::ptr::null()
}

extern "C" fn never() -> ! {
    std::process::abort()
}
