// Downloads that are kept in this browser, until they are saved as a file or thrown away.

import { allFiles, opfsFolder, removeOpfsFolder } from "./directory.js";
import { $, announce } from "./dom.js";
import { tar } from "./tar.js";

/** Shows the buttons for a folder of the browser's own file system. */
export function offerSave(folder) {
  $("save").hidden = $("discard").hidden = false;
  $("save").onclick = async () => {
    const found = await allFiles(await opfsFolder(folder));
    const isOne = found.length === 1;
    const blob = isOne ? found[0].file : tar(found);
    const link = document.createElement("a");
    link.download = isOne ? found[0].path.split("/").pop() : `${folder}.tar`;
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  $("discard").onclick = async () => {
    await removeOpfsFolder(folder);
    $("save").hidden = $("discard").hidden = true;
    announce("Removed.");
  };
}
