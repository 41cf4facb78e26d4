// The native half of kernelspace mode: one function, JSON text in, JSON text out. Everything that needs a handle, a
// pointer or a thread is in here; every decision is in TypeScript.
//
// C# 5 and the API of .NET Framework 4.5 only, so that one DLL runs on the framework that is part of every Windows
// Server since 2019, on CoreCLR and on Mono: no ?. , no $"", no nameof, no out variables.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

[assembly: System.Reflection.AssemblyTitle("Signalbox.Hcn")]
[assembly: System.Reflection.AssemblyVersion("0.1.0.0")]
// System DLLs come from System32 and from nowhere else.
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.System32)]

namespace Signalbox.Hcn
{
    internal static class Native
    {
        private const string Hcn = "computenetwork.dll";
        private const string Compute = "vmcompute.dll";

        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnEnumerateNetworks(string query, out IntPtr list, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnOpenNetwork(ref Guid id, out IntPtr handle, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnQueryNetworkProperties(IntPtr handle, string query, out IntPtr properties, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnCloseNetwork(IntPtr handle);

        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnEnumerateEndpoints(string query, out IntPtr list, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnOpenEndpoint(ref Guid id, out IntPtr handle, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnCreateEndpoint(IntPtr network, ref Guid id, string settings, out IntPtr handle, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnQueryEndpointProperties(IntPtr handle, string query, out IntPtr properties, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnDeleteEndpoint(ref Guid id, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnCloseEndpoint(IntPtr handle);

        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnEnumerateLoadBalancers(string query, out IntPtr list, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnOpenLoadBalancer(ref Guid id, out IntPtr handle, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnCreateLoadBalancer(ref Guid id, string settings, out IntPtr handle, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnModifyLoadBalancer(IntPtr handle, string settings, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnQueryLoadBalancerProperties(IntPtr handle, string query, out IntPtr properties, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnDeleteLoadBalancer(ref Guid id, out IntPtr record);
        [DllImport(Hcn, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HcnCloseLoadBalancer(IntPtr handle);

        [DllImport(Compute, CharSet = CharSet.Unicode, ExactSpelling = true)]
        internal static extern int HNSCall(string method, string path, string body, out IntPtr response);
    }

    internal delegate int EnumerateFunction(string query, out IntPtr list, out IntPtr record);
    internal delegate int OpenFunction(ref Guid id, out IntPtr handle, out IntPtr record);
    internal delegate int QueryFunction(IntPtr handle, string query, out IntPtr properties, out IntPtr record);
    internal delegate int CloseFunction(IntPtr handle);
    internal delegate int DeleteFunction(ref Guid id, out IntPtr record);

    // The functions of one kind of object.
    internal sealed class Kind
    {
        internal readonly string Name;
        internal readonly EnumerateFunction Enumerate;
        internal readonly OpenFunction Open;
        internal readonly QueryFunction Query;
        internal readonly CloseFunction Close;

        private Kind(string name, EnumerateFunction enumerate, OpenFunction open, QueryFunction query, CloseFunction close)
        {
            Name = name;
            Enumerate = enumerate;
            Open = open;
            Query = query;
            Close = close;
        }

        internal static readonly Kind Network = new Kind("Network", Native.HcnEnumerateNetworks,
            Native.HcnOpenNetwork, Native.HcnQueryNetworkProperties, Native.HcnCloseNetwork);
        internal static readonly Kind Endpoint = new Kind("Endpoint", Native.HcnEnumerateEndpoints,
            Native.HcnOpenEndpoint, Native.HcnQueryEndpointProperties, Native.HcnCloseEndpoint);
        internal static readonly Kind LoadBalancer = new Kind("LoadBalancer", Native.HcnEnumerateLoadBalancers,
            Native.HcnOpenLoadBalancer, Native.HcnQueryLoadBalancerProperties, Native.HcnCloseLoadBalancer);

        internal static Kind Of(string name)
        {
            switch (name)
            {
                case "network": return Network;
                case "endpoint": return Endpoint;
                case "load-balancer": return LoadBalancer;
                default: throw new ArgumentException("no such kind: " + name);
            }
        }
    }

    // An answer of HNS: an HRESULT is data and crosses into TypeScript as such.
    internal sealed class Reply
    {
        internal int Hresult;
        internal string Call = "";
        internal string Record = "";
        internal readonly List<string> Items = new List<string>();

        internal static Reply Failed(string call, int hresult, string record)
        {
            var reply = new Reply();
            reply.Call = call;
            reply.Hresult = hresult;
            reply.Record = record;
            return reply;
        }

        internal string ToJson()
        {
            var text = new StringBuilder();
            text.Append("{\"hr\":").Append(((uint)Hresult).ToString(CultureInfo.InvariantCulture));
            text.Append(",\"call\":");
            Json.Write(text, Call);
            text.Append(",\"record\":");
            Json.Write(text, Record);
            text.Append(",\"items\":[");
            for (int index = 0; index < Items.Count; index++)
            {
                if (index > 0) text.Append(',');
                Json.Write(text, Items[index]);
            }
            return text.Append("]}").ToString();
        }
    }

    // As much JSON as crosses the border: an object of strings, an array of strings. Documents stay texts.
    internal sealed class Json
    {
        private readonly string text;
        private int at;

        private Json(string text) { this.text = text; }

        internal static Dictionary<string, string> ParseObject(string text)
        {
            var json = new Json(text);
            var fields = new Dictionary<string, string>();
            json.Expect('{');
            while (!json.Take('}'))
            {
                if (fields.Count > 0) json.Expect(',');
                string name = json.String();
                json.Expect(':');
                fields[name] = json.String();
            }
            return fields;
        }

        internal static List<string> ParseArray(string text)
        {
            var json = new Json(text);
            var items = new List<string>();
            json.Expect('[');
            while (!json.Take(']'))
            {
                if (items.Count > 0) json.Expect(',');
                items.Add(json.String());
            }
            return items;
        }

        internal static void Write(StringBuilder output, string value)
        {
            output.Append('"');
            foreach (char c in value)
            {
                if (c == '"' || c == '\\') output.Append('\\').Append(c);
                else if (c < ' ') output.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                else output.Append(c);
            }
            output.Append('"');
        }

        private char Next()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
            if (at >= text.Length) throw new FormatException("JSON ends too early");
            return text[at];
        }

        private bool Take(char wanted)
        {
            if (Next() != wanted) return false;
            at++;
            return true;
        }

        private void Expect(char wanted)
        {
            if (!Take(wanted)) throw new FormatException("JSON: expected " + wanted + " at " + at);
        }

        private string String()
        {
            Expect('"');
            var value = new StringBuilder();
            while (true)
            {
                if (at >= text.Length) throw new FormatException("JSON: a text without an end");
                char c = text[at++];
                if (c == '"') return value.ToString();
                value.Append(c == '\\' ? Escape() : c);
            }
        }

        private char Escape()
        {
            if (at >= text.Length) throw new FormatException("JSON: a text without an end");
            char c = text[at++];
            switch (c)
            {
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case 'u':
                    at += 4;
                    if (at > text.Length) throw new FormatException("JSON: a text without an end");
                    return (char)int.Parse(text.Substring(at - 4, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                default: return c;
            }
        }
    }

    internal static class Operations
    {
        private const string AnyQuery = "{\"SchemaVersion\":{\"Major\":2,\"Minor\":0}}";
        private const int ElementNotFound = unchecked((int)0x80070490);
        private const int NetworkNotFound = unchecked((int)0x803b0001);
        private const int EndpointNotFound = unchecked((int)0x803b0002);

        internal static Reply Run(Dictionary<string, string> fields)
        {
            switch (fields["op"])
            {
                case "hns": return HnsCall(fields["method"], fields["path"]);
                case "list": return List(Kind.Of(fields["kind"]), fields["query"]);
                case "create-endpoint": return CreateEndpoint(fields);
                case "create-load-balancer": return CreateLoadBalancer(fields);
                case "modify-load-balancer": return ModifyLoadBalancer(fields);
                case "delete-endpoint":
                    return Delete("HcnDeleteEndpoint", Native.HcnDeleteEndpoint, fields["id"]);
                case "delete-load-balancer":
                    return Delete("HcnDeleteLoadBalancer", Native.HcnDeleteLoadBalancer, fields["id"]);
                default: throw new ArgumentException("no such operation: " + fields["op"]);
            }
        }

        // Takes over a text that the library allocated.
        private static string Take(IntPtr text)
        {
            if (text == IntPtr.Zero) return "";
            try { return Marshal.PtrToStringUni(text); }
            finally { Marshal.FreeCoTaskMem(text); }
        }

        // HNS reports some errors in the record alone.
        private static bool IsError(int hresult, string record)
        {
            return hresult < 0 || record.Length > 0;
        }

        private static Reply HnsCall(string method, string path)
        {
            IntPtr response;
            int hresult = Native.HNSCall(method, path, "", out response);
            string text = Take(response);
            if (hresult < 0) return Reply.Failed("HNSCall", hresult, text);
            var reply = new Reply();
            reply.Items.Add(text);
            return reply;
        }

        // One crossing for a listing, however many objects there are. What vanishes on the way is left out.
        private static Reply List(Kind kind, string query)
        {
            IntPtr list, record;
            int hresult = kind.Enumerate(query, out list, out record);
            string ids = Take(list), error = Take(record);
            if (IsError(hresult, error)) return Reply.Failed("HcnEnumerate" + kind.Name + "s", hresult, error);
            var reply = new Reply();
            foreach (string id in Json.ParseArray(ids.Length == 0 ? "[]" : ids))
            {
                Reply one = Get(kind, new Guid(id));
                bool vanished = one.Hresult == ElementNotFound || one.Hresult == NetworkNotFound || one.Hresult == EndpointNotFound;
                if (vanished) continue;
                if (IsError(one.Hresult, one.Record)) return one;
                reply.Items.AddRange(one.Items);
            }
            return reply;
        }

        private static Reply Get(Kind kind, Guid id)
        {
            IntPtr handle, record;
            int hresult = kind.Open(ref id, out handle, out record);
            string error = Take(record);
            if (IsError(hresult, error))
            {
                if (hresult >= 0 && handle != IntPtr.Zero) kind.Close(handle);
                return Reply.Failed("HcnOpen" + kind.Name, hresult, error);
            }
            return QueryAndClose(kind, handle);
        }

        private static Reply QueryAndClose(Kind kind, IntPtr handle)
        {
            try
            {
                IntPtr properties, record;
                int hresult = kind.Query(handle, AnyQuery, out properties, out record);
                string text = Take(properties), error = Take(record);
                if (IsError(hresult, error)) return Reply.Failed("HcnQuery" + kind.Name + "Properties", hresult, error);
                var reply = new Reply();
                if (text.Length > 0) reply.Items.Add(text);
                return reply;
            }
            finally { kind.Close(handle); }
        }

        // The object exists: that it cannot be read back is no failure of the write.
        private static Reply ReadBack(Kind kind, IntPtr handle)
        {
            Reply read = QueryAndClose(kind, handle);
            return IsError(read.Hresult, read.Record) ? new Reply() : read;
        }

        private static Reply Created(Kind kind, int hresult, IntPtr handle, string error)
        {
            if (!IsError(hresult, error)) return ReadBack(kind, handle);
            if (hresult >= 0 && handle != IntPtr.Zero) kind.Close(handle);
            return Reply.Failed("HcnCreate" + kind.Name, hresult, error);
        }

        private static Reply CreateEndpoint(Dictionary<string, string> fields)
        {
            Guid network = new Guid(fields["network"]), id = new Guid(fields["id"]);
            IntPtr parent, handle, record;
            int opened = Native.HcnOpenNetwork(ref network, out parent, out record);
            string error = Take(record);
            if (opened < 0) return Reply.Failed("HcnOpenNetwork", opened, error);
            try
            {
                int hresult = Native.HcnCreateEndpoint(parent, ref id, fields["settings"], out handle, out record);
                return Created(Kind.Endpoint, hresult, handle, Take(record));
            }
            finally { Native.HcnCloseNetwork(parent); }
        }

        private static Reply CreateLoadBalancer(Dictionary<string, string> fields)
        {
            Guid id = new Guid(fields["id"]);
            IntPtr handle, record;
            int hresult = Native.HcnCreateLoadBalancer(ref id, fields["settings"], out handle, out record);
            return Created(Kind.LoadBalancer, hresult, handle, Take(record));
        }

        private static Reply ModifyLoadBalancer(Dictionary<string, string> fields)
        {
            Guid id = new Guid(fields["id"]);
            IntPtr handle, record;
            int opened = Native.HcnOpenLoadBalancer(ref id, out handle, out record);
            string error = Take(record);
            if (IsError(opened, error))
            {
                if (opened >= 0 && handle != IntPtr.Zero) Native.HcnCloseLoadBalancer(handle);
                return Reply.Failed("HcnOpenLoadBalancer", opened, error);
            }
            int hresult = Native.HcnModifyLoadBalancer(handle, fields["settings"], out record);
            error = Take(record);
            if (!IsError(hresult, error)) return ReadBack(Kind.LoadBalancer, handle);
            Native.HcnCloseLoadBalancer(handle);
            return Reply.Failed("HcnModifyLoadBalancer", hresult, error);
        }

        private static Reply Delete(string call, DeleteFunction delete, string id)
        {
            Guid guid = new Guid(id);
            IntPtr record;
            int hresult = delete(ref guid, out record);
            string error = Take(record);
            return IsError(hresult, error) ? Reply.Failed(call, hresult, error) : new Reply();
        }
    }

    // The process as a Windows service: the service control manager wants a thread of its own and answers at once.
    internal static class Service
    {
        private const uint OwnProcess = 0x10, StartPending = 2, StopPending = 3, Running = 4, Stopped = 1;
        private const uint AcceptStopAndShutdown = 1 | 4, ControlStop = 1, ControlShutdown = 5, ControlInterrogate = 4;
        private const uint NotImplemented = 120, StopHintMilliseconds = 30000;

        [StructLayout(LayoutKind.Sequential)]
        private struct TableEntry { public IntPtr Name; public IntPtr Main; }

        [StructLayout(LayoutKind.Sequential)]
        private struct Status { public uint Type, State, Accepted, ExitCode, SpecificExitCode, CheckPoint, WaitHint; }

        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        private delegate void MainFunction(uint count, IntPtr arguments);
        [UnmanagedFunctionPointer(CallingConvention.Winapi)]
        private delegate uint HandlerFunction(uint control, uint type, IntPtr data, IntPtr context);

        [DllImport("advapi32.dll", SetLastError = true)]
        private static extern bool StartServiceCtrlDispatcherW([In] TableEntry[] table);
        [DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        private static extern IntPtr RegisterServiceCtrlHandlerExW(string name, HandlerFunction handler, IntPtr context);
        [DllImport("advapi32.dll", SetLastError = true)]
        private static extern bool SetServiceStatus(IntPtr handle, ref Status status);

        // The manager holds pointers to these: they must outlive it.
        private static MainFunction main;
        private static HandlerFunction handler;
        private static IntPtr handle;
        private static readonly TaskCompletionSource<Reply> stopRequested = new TaskCompletionSource<Reply>();
        private static readonly ManualResetEvent finished = new ManualResetEvent(false);
        private static uint exitCode;

        // Resolves when the manager considers the service running; error 1063 if it did not start this process.
        internal static Task<Reply> Start(string name)
        {
            var started = new TaskCompletionSource<Reply>();
            handler = delegate(uint control, uint type, IntPtr data, IntPtr context) { return Handle(control); };
            main = delegate(uint count, IntPtr arguments)
            {
                handle = RegisterServiceCtrlHandlerExW(name, handler, IntPtr.Zero);
                Report(Running, AcceptStopAndShutdown);
                started.TrySetResult(new Reply());
                finished.WaitOne();
                Report(Stopped, 0);
            };
            var thread = new Thread(delegate()
            {
                var table = new TableEntry[2];
                table[0].Name = Marshal.StringToHGlobalUni(name);
                table[0].Main = Marshal.GetFunctionPointerForDelegate(main);
                if (StartServiceCtrlDispatcherW(table)) return;
                int error = Marshal.GetLastWin32Error();
                int hresult = unchecked((int)(0x80070000 | (uint)error));
                started.TrySetResult(Reply.Failed("StartServiceCtrlDispatcherW", hresult, ""));
            });
            thread.IsBackground = true;
            thread.Start();
            return started.Task;
        }

        // Resolves when the manager wants the service to end.
        internal static Task<Reply> WaitForStop() { return stopRequested.Task; }

        internal static Reply Finish(string code)
        {
            exitCode = uint.Parse(code, CultureInfo.InvariantCulture);
            finished.Set();
            return new Reply();
        }

        private static uint Handle(uint control)
        {
            if (control == ControlInterrogate) return 0;
            if (control != ControlStop && control != ControlShutdown) return NotImplemented;
            Report(StopPending, 0);
            var reply = new Reply();
            reply.Items.Add(control == ControlStop ? "stop" : "shutdown");
            // Not on this thread: a wait here would block the service control manager.
            ThreadPool.QueueUserWorkItem(delegate { stopRequested.TrySetResult(reply); });
            return 0;
        }

        private static void Report(uint state, uint accepted)
        {
            var status = new Status();
            status.Type = OwnProcess;
            status.State = state;
            status.Accepted = accepted;
            status.ExitCode = state == Stopped ? exitCode : 0;
            status.WaitHint = state == StopPending || state == StartPending ? StopHintMilliseconds : 0;
            SetServiceStatus(handle, ref status);
        }
    }

    public class Startup
    {
        // HNS does one thing at a time; calls wait here, off the event loop.
        private static readonly object gate = new object();

        // JSON text in, JSON text out. Fails only for a request that cannot be read, or a missing library.
        public async Task<object> Invoke(object input)
        {
            Dictionary<string, string> fields = Json.ParseObject((string)input);
            Reply reply;
            switch (fields["op"])
            {
                case "service-start": reply = await Service.Start(fields["name"]).ConfigureAwait(false); break;
                case "service-wait": reply = await Service.WaitForStop().ConfigureAwait(false); break;
                case "service-finish": reply = Service.Finish(fields["exit"]); break;
                case "runtime": reply = Runtime(); break;
                default: reply = await Task.Run(() => { lock (gate) return Operations.Run(fields); }).ConfigureAwait(false); break;
            }
            return reply.ToJson();
        }

        private static Reply Runtime()
        {
            var reply = new Reply();
            reply.Items.Add(".NET " + Environment.Version + ", " + Environment.OSVersion + ", " + (IntPtr.Size * 8) + " bit");
            return reply;
        }
    }
}
