/*
 * Stand-in for computenetwork.dll and vmcompute.dll: as the real libraries are clients of the HNS service, this one is
 * a client of the simulator (HNS_SIMULATOR_PORT on loopback). Frames: ../src/wire.ts.
 *
 * One source, two libraries: ELF for Mono on Linux, PE for Wine (built with mingw, against its computenetwork.h, so
 * that the signatures are checked by the compiler).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <winsock2.h>
#include <windows.h>
#include <objbase.h>
#include <computenetwork.h>
#define EXPORT __declspec(dllexport)
typedef SOCKET sock;
#define close_socket closesocket
static CRITICAL_SECTION gate;
static void lock(void) { EnterCriticalSection(&gate); }
static void unlock(void) { LeaveCriticalSection(&gate); }
static void *allocate(size_t size) { return CoTaskMemAlloc(size); }
static void release(void *memory) { CoTaskMemFree(memory); }
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID more)
{
    (void)self;
    (void)more;
    if (reason == DLL_PROCESS_ATTACH) InitializeCriticalSection(&gate);
    return TRUE;
}
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#define EXPORT __attribute__((visibility("default")))
#define WINAPI
typedef int32_t HRESULT;
typedef uint16_t WCHAR;
typedef const WCHAR *PCWSTR;
typedef WCHAR *PWSTR;
typedef struct { uint8_t bytes[16]; } GUID;
typedef const GUID *REFGUID;
typedef void *HCN_NETWORK, *HCN_ENDPOINT, *HCN_LOADBALANCER;
typedef void **PHCN_NETWORK, **PHCN_ENDPOINT, **PHCN_LOADBALANCER;
typedef int sock;
#define INVALID_SOCKET (-1)
#define close_socket close
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static void lock(void) { pthread_mutex_lock(&gate); }
static void unlock(void) { pthread_mutex_unlock(&gate); }
/* On Unix, Mono frees CoTaskMem with free(). */
static void *allocate(size_t size) { return malloc(size); }
static void release(void *memory) { free(memory); }
#endif

#define RPC_UNAVAILABLE ((HRESULT)0x800706BA)
#define NULL_TEXT 0xffffffffu

struct field { const void *bytes; uint32_t length; };
struct answer { uint64_t handle; WCHAR *text; WCHAR *record; };

static sock connection = INVALID_SOCKET;

static int send_all(const char *bytes, size_t length)
{
    while (length > 0) {
        int sent = (int)send(connection, bytes, length, 0);
        if (sent <= 0) return 0;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 1;
}

static int receive_all(char *bytes, size_t length)
{
    while (length > 0) {
        int received = (int)recv(connection, bytes, length, 0);
        if (received <= 0) return 0;
        bytes += received;
        length -= (size_t)received;
    }
    return 1;
}

static void disconnect(void)
{
    if (connection != INVALID_SOCKET) close_socket(connection);
    connection = INVALID_SOCKET;
}

static int connected(void)
{
    const char *port = getenv("HNS_SIMULATOR_PORT");
    struct sockaddr_in address;
    int on = 1;
    if (connection != INVALID_SOCKET) return 1;
    if (port == NULL) return 0;
#ifdef _WIN32
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) return 0;
#endif
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)atoi(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection == INVALID_SOCKET) return 0;
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        disconnect();
        return 0;
    }
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    return 1;
}

/* Builds and sends `name` and the fields as one frame. */
static int send_request(const char *name, const struct field *fields, int count)
{
    struct field all[4];
    uint32_t total = 0, offset = 4;
    char *frame;
    int i, sent;
    all[0].bytes = name;
    all[0].length = (uint32_t)strlen(name);
    for (i = 0; i < count; i++) all[i + 1] = fields[i];
    for (i = 0; i <= count; i++) total += 4 + all[i].length;
    frame = malloc(total + 4);
    if (frame == NULL) return 0;
    memcpy(frame, &total, 4);
    for (i = 0; i <= count; i++) {
        memcpy(frame + offset, &all[i].length, 4);
        if (all[i].length > 0) memcpy(frame + offset + 4, all[i].bytes, all[i].length);
        offset += 4 + all[i].length;
    }
    sent = send_all(frame, total + 4);
    free(frame);
    return sent;
}

/* A zero-terminated copy that the caller frees; NULL for a null pointer. */
static WCHAR *take_text(const char **cursor)
{
    uint32_t length;
    WCHAR *text;
    memcpy(&length, *cursor, 4);
    *cursor += 4;
    if (length == NULL_TEXT) return NULL;
    text = allocate(length + sizeof(WCHAR));
    memcpy(text, *cursor, length);
    text[length / sizeof(WCHAR)] = 0;
    *cursor += length;
    return text;
}

static int receive_reply(HRESULT *result, struct answer *answer)
{
    uint32_t length;
    char *frame;
    const char *cursor;
    if (!receive_all((char *)&length, 4)) return 0;
    frame = malloc(length);
    if (frame == NULL) return 0;
    if (!receive_all(frame, length)) {
        free(frame);
        return 0;
    }
    memcpy(result, frame, 4);
    memcpy(&answer->handle, frame + 4, 8);
    cursor = frame + 12;
    answer->text = take_text(&cursor);
    answer->record = take_text(&cursor);
    free(frame);
    return 1;
}

/* Each of `handle`, `text`, `record` may be NULL: not wanted. */
static HRESULT call(const char *name, const struct field *fields, int count, void **handle, PWSTR *text, PWSTR *record)
{
    struct answer answer = {0, NULL, NULL};
    HRESULT result = RPC_UNAVAILABLE;
    lock();
    if (!connected() || !send_request(name, fields, count) || !receive_reply(&result, &answer)) {
        disconnect();
        result = RPC_UNAVAILABLE;
    }
    unlock();
    if (handle != NULL) *handle = (void *)(uintptr_t)answer.handle;
    if (text != NULL) *text = answer.text; else release(answer.text);
    if (record != NULL) *record = answer.record; else release(answer.record);
    return result;
}

static struct field wide(PCWSTR text)
{
    struct field field = {text, 0};
    if (text != NULL) while (text[field.length / sizeof(WCHAR)] != 0) field.length += sizeof(WCHAR);
    return field;
}

static struct field guid(REFGUID id)
{
    struct field field = {id, 16};
    return field;
}

static struct field number(const uint64_t *value)
{
    struct field field = {value, 8};
    return field;
}

#define COMMON(KIND, HANDLE) \
    EXPORT HRESULT WINAPI HcnEnumerate##KIND##s(PCWSTR query, PWSTR *list, PWSTR *record) \
    { \
        struct field fields[] = {wide(query)}; \
        return call("HcnEnumerate" #KIND "s", fields, 1, NULL, list, record); \
    } \
    EXPORT HRESULT WINAPI HcnOpen##KIND(REFGUID id, P##HANDLE handle, PWSTR *record) \
    { \
        struct field fields[] = {guid(id)}; \
        return call("HcnOpen" #KIND, fields, 1, handle, NULL, record); \
    } \
    EXPORT HRESULT WINAPI HcnQuery##KIND##Properties(HANDLE handle, PCWSTR query, PWSTR *properties, PWSTR *record) \
    { \
        uint64_t value = (uint64_t)(uintptr_t)handle; \
        struct field fields[] = {number(&value), wide(query)}; \
        return call("HcnQuery" #KIND "Properties", fields, 2, NULL, properties, record); \
    } \
    EXPORT HRESULT WINAPI HcnClose##KIND(HANDLE handle) \
    { \
        uint64_t value = (uint64_t)(uintptr_t)handle; \
        struct field fields[] = {number(&value)}; \
        return call("HcnClose" #KIND, fields, 1, NULL, NULL, NULL); \
    } \
    EXPORT HRESULT WINAPI HcnDelete##KIND(REFGUID id, PWSTR *record) \
    { \
        struct field fields[] = {guid(id)}; \
        return call("HcnDelete" #KIND, fields, 1, NULL, NULL, record); \
    }

COMMON(Network, HCN_NETWORK)
COMMON(Endpoint, HCN_ENDPOINT)
COMMON(LoadBalancer, HCN_LOADBALANCER)

EXPORT HRESULT WINAPI HcnCreateEndpoint(HCN_NETWORK network, REFGUID id, PCWSTR settings, PHCN_ENDPOINT handle, PWSTR *record)
{
    uint64_t value = (uint64_t)(uintptr_t)network;
    struct field fields[] = {number(&value), guid(id), wide(settings)};
    return call("HcnCreateEndpoint", fields, 3, handle, NULL, record);
}

EXPORT HRESULT WINAPI HcnCreateLoadBalancer(REFGUID id, PCWSTR settings, PHCN_LOADBALANCER handle, PWSTR *record)
{
    struct field fields[] = {guid(id), wide(settings)};
    return call("HcnCreateLoadBalancer", fields, 2, handle, NULL, record);
}

EXPORT HRESULT WINAPI HcnModifyLoadBalancer(HCN_LOADBALANCER balancer, PCWSTR settings, PWSTR *record)
{
    uint64_t value = (uint64_t)(uintptr_t)balancer;
    struct field fields[] = {number(&value), wide(settings)};
    return call("HcnModifyLoadBalancer", fields, 2, NULL, NULL, record);
}

EXPORT HRESULT WINAPI HNSCall(PCWSTR method, PCWSTR path, PCWSTR object, PWSTR *response)
{
    struct field fields[] = {wide(method), wide(path), wide(object)};
    return call("HNSCall", fields, 3, NULL, response, NULL);
}
