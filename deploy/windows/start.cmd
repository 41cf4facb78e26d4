@echo off
rem Starts signalbox with the arguments given, from wherever the bundle lies.
"%~dp0node.exe" "%~dp0signalbox.js" %*
