/* Strikes a process at its k-th call to the system, below everything that it is made of.
 *
 * A seccomp filter sends each call that reaches a disk to the handler here, which counts those
 * that concern files under one root and lets them through, fails them, cuts them short, kills
 * the process or makes it wait. Calls made by `points_raw` are known by where they come from,
 * so nothing is missed: not libc, not a raw syscall, not SQLite's. The filter cannot be taken
 * off again: arm it in a child. Linux on x86-64 only. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define MOST_CALLS 16384
#define MOST_FILES 4096

enum act { LOOK = 0, FAIL = 1, SHORT = 2, KILL = 3, WAIT = 4 };
enum where { FD, PATH, AT, OPEN, TWO_PATHS, TWO_ATS };

struct call {
    int number;
    enum where where;
    int argument;
    int reads;  /* counted only when reading is to be struck as well */
};

/* what the parent sees of it */
struct record {
    int calls;
    int struck;
    uint16_t numbers[MOST_CALLS];
};

static const struct call CALLS[] = {
    {SYS_open, OPEN, 0, 0},          {SYS_openat, OPEN, 1, 0},
    {SYS_creat, OPEN, 0, 0},         {SYS_write, FD, 0, 0},
    {SYS_writev, FD, 0, 0},          {SYS_pwrite64, FD, 0, 0},
    {SYS_pwritev, FD, 0, 0},         {SYS_copy_file_range, FD, 2, 0},
    {SYS_sendfile, FD, 0, 0},        {SYS_ioctl, FD, 0, 0},
    {SYS_ftruncate, FD, 0, 0},       {SYS_truncate, PATH, 0, 0},
    {SYS_fallocate, FD, 0, 0},       {SYS_fchmod, FD, 0, 0},
    {SYS_chmod, PATH, 0, 0},         {SYS_fchmodat, AT, 1, 0},
    {SYS_fchown, FD, 0, 0},          {SYS_chown, PATH, 0, 0},
    {SYS_lchown, PATH, 0, 0},        {SYS_fchownat, AT, 1, 0},
    {SYS_fsetxattr, FD, 0, 0},       {SYS_setxattr, PATH, 0, 0},
    {SYS_lsetxattr, PATH, 0, 0},     {SYS_utimensat, AT, 1, 0},
    {SYS_fsync, FD, 0, 0},           {SYS_fdatasync, FD, 0, 0},
    {SYS_rename, TWO_PATHS, 0, 0},   {SYS_renameat, TWO_ATS, 1, 0},
    {SYS_renameat2, TWO_ATS, 1, 0},  {SYS_link, TWO_PATHS, 0, 0},
    {SYS_linkat, TWO_ATS, 1, 0},     {SYS_unlink, PATH, 0, 0},
    {SYS_unlinkat, AT, 1, 0},        {SYS_mkdir, PATH, 0, 0},
    {SYS_mkdirat, AT, 1, 0},         {SYS_rmdir, PATH, 0, 0},
    {SYS_close, FD, 0, 0},           {SYS_read, FD, 0, 1},
    {SYS_pread64, FD, 0, 1},         {SYS_fstat, FD, 0, 1},
    {SYS_stat, PATH, 0, 1},          {SYS_lstat, PATH, 0, 1},
    {SYS_newfstatat, AT, 1, 1},      {SYS_statx, AT, 1, 1},
    {SYS_statfs, PATH, 0, 1},        {SYS_fstatfs, FD, 0, 1},
    {SYS_access, PATH, 0, 1},        {SYS_faccessat, AT, 1, 1},
    {SYS_faccessat2, AT, 1, 1},      {SYS_flistxattr, FD, 0, 1},
    {SYS_fgetxattr, FD, 0, 1},
};
#define HOW_MANY ((int)(sizeof CALLS / sizeof *CALLS))

static struct record *record;
static char root[4096];
static size_t root_length;
static char ours[MOST_FILES];  /* descriptors of files under the root */
static int strike_at, act, code, for_good, reads, tell_fd, hear_fd;

long points_raw(long number, long a, long b, long c, long d, long e, long f);
extern char points_gate[];
__asm__(
    ".text\n"
    ".globl points_raw\n"
    "points_raw:\n"
    "  mov %rdi, %rax\n"
    "  mov %rsi, %rdi\n"
    "  mov %rdx, %rsi\n"
    "  mov %rcx, %rdx\n"
    "  mov %r8, %r10\n"
    "  mov %r9, %r8\n"
    "  mov 8(%rsp), %r9\n"
    "  syscall\n"
    ".globl points_gate\n"
    "points_gate:\n"
    "  ret\n");

static int is_ours(long fd)
{
    return fd >= 0 && fd < MOST_FILES && ours[fd];
}

static int under_root(const char *path)
{
    return path && strncmp(path, root, root_length) == 0;
}

/* Say whether a path given beside a directory's descriptor leads to one of our files. */
static int at_ours(long directory, const char *path)
{
    if (!path || !*path)
        return is_ours(directory);
    return *path == '/' ? under_root(path) : is_ours(directory);
}

static int concerns_us(const struct call *call, const long *a)
{
    int i = call->argument;
    if (call->number == SYS_ioctl && a[1] != (long)FICLONE)
        return 0;
    switch (call->where) {
    case FD: return is_ours(a[i]);
    case PATH: return under_root((const char *)a[i]);
    case AT: return at_ours(a[i - 1], (const char *)a[i]);
    case OPEN:
        return i ? at_ours(a[0], (const char *)a[1]) : under_root((const char *)a[0]);
    case TWO_PATHS: return under_root((const char *)a[0]) || under_root((const char *)a[1]);
    case TWO_ATS:
        return at_ours(a[0], (const char *)a[1]) || at_ours(a[2], (const char *)a[3]);
    }
    return 0;
}

static long let_through(const struct call *call, const long *a)
{
    return points_raw(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int length_of(int number)
{
    switch (number) {
    case SYS_write: case SYS_pwrite64: return 2;
    case SYS_sendfile: return 3;
    case SYS_copy_file_range: return 4;
    default: return 0;
    }
}

static long strike(const struct call *call, long *a, int first)
{
    char byte = 0;
    int length = length_of(call->number);
    record->struck++;
    switch (act) {
    case FAIL:
        if (call->number == SYS_close)  /* a failing close closes all the same */
            let_through(call, a);
        return -code;
    case SHORT:  /* half is taken; a disk that is full takes nothing afterwards */
        if (!length)
            return let_through(call, a);
        if (!first)
            return -ENOSPC;
        if (a[length] > 1)
            a[length] /= 2;
        return let_through(call, a);
    case KILL:
        points_raw(SYS_kill, points_raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
        return 0;
    case WAIT:
        points_raw(SYS_write, tell_fd, (long)&byte, 1, 0, 0, 0);
        while (points_raw(SYS_read, hear_fd, (long)&byte, 1, 0, 0, 0) == -EINTR)
            ;
        if (byte == '.')  /* held once, it may go on to its end */
            act = LOOK;
        return let_through(call, a);
    }
    return let_through(call, a);
}

static void met(int signal, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long a[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]};
    const struct call *call = CALLS;
    (void)signal;
    while (call->number != info->si_syscall)
        call++;  /* the filter lets no other number come here */
    if ((call->reads && !reads) || !concerns_us(call, a)) {
        r[REG_RAX] = let_through(call, a);
    } else {
        int k = ++record->calls;
        if (k <= MOST_CALLS)
            record->numbers[k - 1] = (uint16_t)call->number;
        int hit = act != LOOK && (k == strike_at || (for_good && k > strike_at));
        r[REG_RAX] = hit ? strike(call, a, k == strike_at) : let_through(call, a);
        if (call->where == OPEN && (long)r[REG_RAX] >= 0 && (long)r[REG_RAX] < MOST_FILES)
            ours[r[REG_RAX]] = 1;
    }
    if (call->number == SYS_close && a[0] >= 0 && a[0] < MOST_FILES)
        ours[a[0]] = 0;
}

static int set_filter(void)
{
    static struct sock_filter code_[16 + 2 * HOW_MANY];
    int n = 0;
    uint64_t gate = (uint64_t)(uintptr_t)points_gate;
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ADD(...) code_[n++] = (struct sock_filter)__VA_ARGS__
    ADD(LOAD(arch));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(LOAD(instruction_pointer));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)gate, 0, 3));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(gate >> 32), 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(LOAD(nr));
    for (int i = 0; i < HOW_MANY; i++) {
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)CALLS[i].number, 0, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
    }
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    struct sock_fprog program = {.len = (unsigned short)n, .filter = code_};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return errno;
    return 0;
}

/* Arm this process; return 0, or an errno where the kernel allows no filter. */
int points_arm(struct record *shared, const char *under, int at, int what, int with_code,
               int lasting, int with_reads, int tell, int hear)
{
    struct sigaction on_call = {.sa_sigaction = met, .sa_flags = SA_SIGINFO | SA_NODEFER};
    record = shared;
    root_length = strlen(under);
    if (root_length >= sizeof root)
        return ENAMETOOLONG;
    memcpy(root, under, root_length + 1);
    strike_at = at, act = what, code = with_code, for_good = lasting, reads = with_reads;
    tell_fd = tell, hear_fd = hear;
    if (sigaction(SIGSYS, &on_call, NULL))
        return errno;
    return set_filter();
}
