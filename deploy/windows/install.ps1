# Installs signalbox as the Windows service "kube-proxy" out of an unpacked bundle. Run as administrator:
#   .\install.ps1 -Config C:\k\kube-proxy.conf [-Target C:\k\signalbox]
param(
    [Parameter(Mandatory = $true)][string]$Config,
    [string]$Target = 'C:\k\signalbox'
)
$ErrorActionPreference = 'Stop'
New-Item -ItemType Directory -Force -Path $Target | Out-Null
Copy-Item -Path (Join-Path $PSScriptRoot '*') -Destination $Target -Recurse -Force
& (Join-Path $Target 'node.exe') (Join-Path $Target 'signalbox.js') windows-service install --config $Config
if ($LASTEXITCODE -ne 0) { throw "signalbox windows-service install failed with $LASTEXITCODE" }
Start-Service kube-proxy
Get-Service kube-proxy
