@echo off
rem Starts signalbox with the arguments given, from wherever the bundle lies. No other process may open the inspector.
"%~dp0node.exe" --disable-sigusr1 "%~dp0signalbox.js" %*
